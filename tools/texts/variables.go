package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

var (
	// Without these, a variable that nobody sets is only empty.
	strict  = regexp.MustCompile(`(?m)^\s*set\s+(?:-\w*u|-o\s+nounset|.*\s-o\s+nounset)`)
	ofShell = regexp.MustCompile(`^(?:BASH\w*|DIRSTACK|E?UID|ENV|EPOCH\w*|FUNCNAME|GROUPS|HIST\w*|HOME|HOST\w*|IFS|LANG|LC_\w+` +
		`|LINENO|LOGNAME|MAIL|MACHTYPE|OLDPWD|OPT(?:ARG|ERR|IND)|OSTYPE|PATH|PIPESTATUS|PPID|PS\d|PWD|RANDOM|REPLY|SECONDS` +
		`|SHELL\w*|SHLVL|TERM|TMPDIR|TZ|USER|KUBERNETES_\w+)$`)
	lowercase = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// unset finds variables at which a shell stops: nothing sets them, and the script asks to stop there.
func unset(file *syntax.File, asked text) []refusal {
	if asked.Variables == nil || !strict.MatchString(asked.Text) {
		return nil
	}
	set := map[string]bool{}
	for _, name := range asked.Variables {
		set[name] = true
	}
	var used []*syntax.ParamExp
	complete := true
	syntax.Walk(file, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.Assign:
			if node.Name != nil {
				set[node.Name.Value] = true
			}
		case *syntax.WordIter:
			set[node.Name.Value] = true
		case *syntax.CallExpr:
			complete = complete && !setsOthers(node, set)
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause:
			// A variable may be set in there.
			complete = false
		case *syntax.ParamExp:
			if node.Param != nil && !hasDefault(node) {
				used = append(used, node)
			}
		}
		return true
	})
	if !complete {
		return nil
	}
	var refusals []refusal
	told := map[string]bool{}
	for _, one := range used {
		name := one.Param.Value
		if set[name] || told[name] || ofShell.MatchString(name) || !regexp.MustCompile(`^[A-Za-z_]`).MatchString(name) {
			continue
		}
		told[name] = true
		close := ""
		for other := range set {
			if isClose(name, other) && (close == "" || other < close) {
				close = other
			}
		}
		// An image may set any other in capitals.
		if close != "" {
			refusals = append(refusals, refusal{Line: int(one.Pos().Line()), Detail: fmt.Sprintf("nothing sets $%s: use %s", name, close)})
		} else if lowercase.MatchString(name) {
			refusals = append(refusals, refusal{Line: int(one.Pos().Line()), Detail: fmt.Sprintf("nothing sets $%s", name)})
		}
	}
	return refusals
}

// hasDefault is whether a variable may well be missing.
func hasDefault(node *syntax.ParamExp) bool {
	return node.Exp != nil && slices.Contains([]syntax.ParExpOperator{
		syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AlternateUnset, syntax.AlternateUnsetOrNull,
		syntax.ErrorUnset, syntax.ErrorUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull,
	}, node.Exp.Op)
}

// setsOthers records what a builtin sets, and is whether a command may set more than is seen here.
func setsOthers(call *syntax.CallExpr, set map[string]bool) bool {
	if len(call.Args) == 0 {
		return false
	}
	name := call.Args[0].Lit()
	switch name {
	case ".", "source", "eval", "mapfile", "readarray":
		return true
	case "read", "getopts":
		for _, word := range call.Args[1:] {
			if literal := word.Lit(); literal != "" && !strings.HasPrefix(literal, "-") {
				set[literal] = true
			}
		}
	case "printf":
		return len(call.Args) > 1 && call.Args[1].Lit() == "-v"
	}
	return false
}

// isClose is whether one name becomes the other by one letter more, less or different, or by two that change places.
func isClose(one, other string) bool {
	if len(one) > len(other) {
		one, other = other, one
	}
	if len(one) < 3 || len(other)-len(one) > 1 || one == other {
		return false
	}
	start := 0
	for start < len(one) && one[start] == other[start] {
		start++
	}
	if len(one) < len(other) {
		return one[start:] == other[start+1:]
	}
	if one[start+1:] == other[start+1:] {
		return true
	}
	return start+1 < len(one) && one[start] == other[start+1] && one[start+1] == other[start] && one[start+2:] == other[start+2:]
}
