/** The page's policy lets nobody compile code. To be imported before any schema is made. */
import * as z from "zod";

z.config({ jitless: true });
