# Read by every interactive bash of the lab, so that `exec bash` brings the prompt up to date (a new host name, say).
# No alias here changes what a command does: what the lesson shows is what you get.

case $- in
*i*) ;;
*) return ;;
esac

shopt -s checkwinsize histappend
HISTCONTROL=ignoredups
HISTSIZE=5000
# A program whose parent was killed may take the terminal when bash has it back, and end. To bash that looks like the end of all input; asked
# again, it takes the terminal, and goes on. So the first ^D in the shell of a terminal only says how to leave it.
if shopt -q login_shell; then IGNOREEOF=1; fi

# root@HOST:/path#, and the mark in red and the number where the last command failed would hide the lesson: plain.
case ${TERM:-dumb} in
dumb) PS1='\u@\h:\w\$ ' ;;
*) PS1='\[\e[36m\]\u@\h\[\e[m\]:\w\$ ' ;;
esac
