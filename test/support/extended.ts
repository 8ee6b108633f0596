/** `npm test -- --all`: the extended tests too, and more of what is drawn. */
export const isExtended = process.env.LAB_TEST_ALL === "1";
