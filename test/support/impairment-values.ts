// The ends of every range that the parser of `netem` takes: whatever is taken must be brought about, on every backend.
export const IMPAIRMENT_VALUES: readonly (readonly [name: string, flags: string])[] = [
  ["all that is possible", "--loss 100% --dup 100% --reorder 100% --delay 60s --jitter 60s --rate 10gbit"],
  ["the least of each", "--loss 0.0001% --dup 0.0001% --reorder 0.0001% --delay 1us --jitter 1us --rate 1kbit"],
  ["values that round", "--loss 99.99999% --dup 1 --delay 0.0015ms --rate 1234567bit"],
  ["nothing that arrives", "--loss 100%"],
  ["everything twice", "--dup 100%"],
  ["everything out of order", "--reorder 100%"],
  ["the longest delay", "--delay 60s"],
  ["the longest jitter", "--jitter 60s"],
  ["the narrowest link", "--rate 1kbit"],
];
