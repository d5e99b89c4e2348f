#!/bin/sh
# The shell of the Makefile's recipes. The kernel ends what a recipe runs when make ends, also when make is killed: a run that is
# interrupted leaves nothing. Without setpriv(1), of util-linux, it is a plain shell.
command -v setpriv >/dev/null && exec setpriv --pdeathsig KILL sh "$@"
exec sh "$@"
