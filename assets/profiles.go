package assets

import (
	"embed"
	"io/fs"
)

//go:embed profiles/*.json
var profiles embed.FS

// Profiles are the seccomp profiles of the lessons, in Docker's format, by file name.
func Profiles() fs.FS {
	sub, err := fs.Sub(profiles, "profiles")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}
