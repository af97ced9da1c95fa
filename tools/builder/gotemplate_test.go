package main

import (
	"strings"
	"testing"
)

func FuzzTemplatesNeitherCrashNorRunPrograms(f *testing.F) {
	for _, seed := range []string{"{{ .a }}", "{{ range .a }}{{ . }}{{ end }}", "{{ slugify }}", "{{ slugify 1 }}", `{{ "a" | repeat 5 }}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "until") || strings.Contains(text, "repeat") || strings.Contains(text, "gen") {
			t.Skip("it takes what the limits of a root allow")
		}
		fill(filling{Value: text, Parameters: map[string]any{"a": []any{"x", 1.0}}}, nil)
	})
}

func TestKeysAreFilledAndOptionsChecked(t *testing.T) {
	one := filling{Value: map[string]any{"{{ .a }}": []any{"{{ .a }}", 1.0}}, Parameters: map[string]any{"a": "x"}}
	got := fill(one, []string{"missingkey=error"})
	if list := got.Value.(map[string]any)["x"].([]any); list[0] != "x" || list[1] != 1.0 {
		t.Errorf("filled %v", got.Value)
	}
	if got := fill(one, []string{"nonsense"}); got.Error == "" {
		t.Error("an unknown option is no error")
	}
}
