// apiserver answers with Kubernetes' own code whether the API server would accept resources:
//
//	apiserver create    the checks of a create request, from decoding to validation
//	apiserver security  the restricted Pod Security Standard, as admission judges it
//
// Both read JSON from standard input and write JSON to standard output.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	questions := map[string]func(io.Reader, io.Writer) error{"create": create, "security": security}
	if len(os.Args) != 2 || questions[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: apiserver create|security")
		os.Exit(2)
	}
	if err := questions[os.Args[1]](os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
