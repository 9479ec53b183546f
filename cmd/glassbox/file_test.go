package main

import (
	"strings"
	"testing"
)

// files is a course whose exercises ask for files, by everything that a shell or a terminal could take for its own.
var files = strings.ReplaceAll(`---
title: Files
summary: Files to the byte.
minutes: 1
---
Text.

## Step

~~~exercise to-the-byte
title: To the byte
task: Write it.
checks:
  - that: file("/root/app/hello.go").content == "#!/bin/sh\n\tfmt.Print(\"$HOME !x\\\\\")\nEOF\n\n  '\n"
    say: It is another one.
hints: ["unshare"]
~~~

~~~solution to-the-byte file /root/app/hello.go
#!/bin/sh
	fmt.Print("$HOME !x\\")
EOF

  '
~~~

~~~wrong to-the-byte file /root/app/hello.go
#!/bin/sh
~~~

~~~exercise together
title: A wrong answer is files and commands
task: Make b of a.
checks:
  - that: file("/root/a").exists && file("/root/b").content == "right\n"
    say: There is no b.
hints: ["cp"]
~~~

~~~solution together file a
right
~~~

~~~solution together
cp a b
~~~

~~~wrong together file /root/a
wrong
~~~

~~~wrong together
cp a b
~~~
`, "~~~", "```")

func TestFilesAreWrittenToTheByte(t *testing.T) { proves(t, files) }
