module node

go 1.22
