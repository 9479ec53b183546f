// Package enginetest tests the container engine in a sandbox: that all which the lessons do with Docker works there, on
// cgroup version 1 and 2, without the internet; and that it opens no wall.
//
// The engine is the layer docker, see sandbox/rootfs/manifest.yaml, and a sandbox that it shall run in is started with
// Spec.Engine.
package enginetest
