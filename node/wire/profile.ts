/** The timing profiles, as settings, lab files and control replies name them. Their values are in core/kernel/timing.ts. */
export const PROFILE_NAMES = ["default", "fast", "original"] as const;

export type ProfileName = (typeof PROFILE_NAMES)[number];
