#!/bin/sh
# The shell of the Makefile's recipes. When make ends, also by SIGKILL, the kernel ends this process, and so what a recipe has exec'ed.
# Without a setpriv(1) that can arrange this (util-linux 2.33) it is a plain shell.
setpriv --pdeathsig KILL true 2>/dev/null && exec setpriv --pdeathsig KILL sh "$@"
exec sh "$@"
