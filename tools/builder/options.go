package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kustomize/v5/commands/build"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Options that run no programs, write no files and fetch nothing.
var allowed = map[string]bool{
	"enable-managedby-label": true,
	"load-restrictor":        true,
	"reorder":                true,
}

// parse reads options as `kustomize build` does.
func parse(arguments []string) (*krusty.Options, error) {
	command := build.NewCmdBuild(filesys.MakeFsInMemory(), build.MakeHelp("kustomize", "build"), io.Discard)
	command.SetOut(io.Discard)
	command.SetErr(io.Discard)
	flags := command.Flags()
	flags.SetOutput(io.Discard)
	if err := command.ParseFlags(arguments); err != nil {
		return nil, err
	}
	if rest := flags.Args(); len(rest) > 0 {
		return nil, fmt.Errorf("%q is no option", rest[0])
	}
	var refused error
	flags.Visit(func(flag *pflag.Flag) {
		if !allowed[flag.Name] {
			refused = fmt.Errorf("--%s is not supported", flag.Name)
		}
	})
	if refused != nil {
		return nil, refused
	}
	if err := build.Validate(nil); err != nil {
		return nil, err
	}
	return build.HonorKustomizeFlags(krusty.MakeDefaultOptions(), flags), nil
}
