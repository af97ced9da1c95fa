package main

import "github.com/itchyny/gojq"

// judgeJQ compiles an expression as Argo CD does, which deletes the path that it is.
func judgeJQ(text string) []refusal {
	query, err := gojq.Parse("del(" + text + ")")
	if err != nil {
		if _, own := gojq.Parse(text); own != nil {
			err = own
		}
		return refused(err)
	}
	_, err = gojq.Compile(query)
	return refused(err)
}
