package main

import (
	"fmt"
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

// dash is the sh of Debian and Ubuntu; elsewhere sh may be bash or BusyBox, which understand more.
const dash = "dash"

// ofBash are commands that dash takes for programs, which are not there.
var ofBash = []string{
	"[[", "compgen", "declare", "disown", "function", "let", "mapfile", "popd", "pushd", "readarray", "shopt", "source",
	"typeset",
}

// unportable finds what bash understands, and what dash parses, but as something else.
func unportable(file *syntax.File, asked text) []refusal {
	if asked.Form != dash {
		return nil
	}
	var refusals []refusal
	say := func(at syntax.Pos, format string, arguments ...any) {
		refusals = append(refusals, refusal{Line: int(at.Line()), Detail: fmt.Sprintf(format, arguments...)})
	}
	defined := map[string]bool{}
	syntax.Walk(file, func(node syntax.Node) bool {
		if function, ok := node.(*syntax.FuncDecl); ok {
			defined[function.Name.Value] = true
		}
		return true
	})
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name := call.Args[0].Lit()
		if slices.Contains(ofBash, name) && !defined[name] {
			say(call.Pos(), "%s is no command of sh%s", name, instead[name])
		}
		if name == "[" || name == "test" {
			for _, word := range call.Args[1:] {
				if word.Lit() == "==" {
					say(word.Pos(), "== is no operator of sh: use =")
				}
			}
		}
		return true
	})
	return refusals
}

var instead = map[string]string{"[[": ": use [", "source": ": write . FILE", "let": ": use $(( ))"}
