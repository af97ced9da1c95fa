package main

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shells are the dialects that a script may be in, by the form of its text.
var shells = map[string]syntax.LangVariant{
	"sh":   syntax.LangPOSIX,
	"dash": syntax.LangPOSIX,
	"ash":  syntax.LangPOSIX,
	"bash": syntax.LangBash,
	"ksh":  syntax.LangMirBSDKorn,
	"zsh":  syntax.LangZsh,
}

func judgeShell(asked text) []refusal {
	shell := asked.Form
	if shell == dash {
		shell = "sh"
	}
	file, err := syntax.NewParser(syntax.Variant(shells[shell])).Parse(strings.NewReader(asked.Text), "")
	if err == nil {
		return append(unportable(file, asked), unset(file, asked)...)
	}
	var parse syntax.ParseError
	var language syntax.LangError
	switch {
	case errors.As(err, &language):
		detail := fmt.Sprintf("%s are no part of the language of %s", language.Feature, shell)
		if !strings.HasSuffix(language.Feature, "s") {
			detail = fmt.Sprintf("%s is no part of the language of %s", language.Feature, shell)
		}
		return []refusal{{Line: int(language.Pos.Line()), Detail: detail}}
	case errors.As(err, &parse):
		return []refusal{{Line: int(parse.Pos.Line()), Detail: parse.Text}}
	}
	return refused(err)
}
