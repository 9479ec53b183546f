# Read by login shells, after Alpine's own profile has set PATH.
export LANG="${LANG:-C.UTF-8}" PAGER="${PAGER:-less}" EDITOR="${EDITOR:-nano}"
if [ -n "${BASH_VERSION:-}" ] && [ -r /etc/bash.bashrc ]; then
	. /etc/bash.bashrc
fi
