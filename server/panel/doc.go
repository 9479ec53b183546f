// Package panel turns what the kernel knows about a sandbox into what the page shows of it: one file a panel.
//
// A panel takes a kernel.View and gives a reading: a plain value that goes to the browser as JSON, together with the
// files that it was read from. A Hub reads the View for a box, once for all who look at it, and only the parts that the
// panels on somebody's screen want; while nobody looks, nothing is read.
//
// To add a panel, write a type with the three methods of Panel, name it in All, and draw it in web/src/panels.
package panel
