// Hello-world is the program in the image of that name. It says what has happened for its words to appear, in the lab's
// terms: no daemon and no Docker Hub had a part in it.
package main

import "fmt"

// In lines that fit into any terminal.
const message = `
Hello from Docker! Or rather: from a container, which is a process with some
isolation.

For these words to appear,
 1. docker (here: podman, under docker's name) looked for the image
    "hello-world". The lab has it in a store that all boxes share, read-only;
    else it would have been pulled from a registry.
 2. It made a container of it: a directory for what is written, above the
    image's one layer, by an overlay.
 3. A runtime (crun) made namespaces and a control group, changed the root,
    dropped capabilities, loaded a seccomp filter, and became the program
    /hello, which is all that there is in the image.
 4. The program wrote this, and ended. The container is gone with it, or as
    good as gone: docker ps -a.

To try something more ambitious:
 $ docker run -it ubuntu bash
`

func main() { fmt.Print(message[1:]) }
