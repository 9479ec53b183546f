// The program of pages without a box: the list of lessons, errors.
import { bindMenus } from "./menus.ts";
import { bindTheme } from "./theme.ts";

bindTheme();
bindMenus();
