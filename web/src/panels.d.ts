// Made by build.mjs from the files of src/panels/.
declare module "panels" {
  export const panels: readonly import("./panel.ts").Panel[];
}
