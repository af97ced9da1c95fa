package main

import (
	"math"
	"strconv"

	"gopkg.in/yaml.v3"
)

// span are the lines of a field in a text.
type span struct{ first, last int }

// spansOf are the lines of each field of a YAML text, by path such as groups.0.rules.
func spansOf(text string) map[string]span {
	var document yaml.Node
	if yaml.Unmarshal([]byte(text), &document) != nil {
		return nil
	}
	spans := map[string]span{}
	var visit func(node *yaml.Node, path string, last int)
	visit = func(node *yaml.Node, path string, last int) {
		switch node.Kind {
		case yaml.DocumentNode:
			visit(node.Content[0], "", last)
		case yaml.MappingNode:
			for index := 0; index+1 < len(node.Content); index += 2 {
				visitField(node, index, 2, path, node.Content[index].Value, last, spans, visit)
			}
		case yaml.SequenceNode:
			for index := range node.Content {
				visitField(node, index, 1, path, strconv.Itoa(index), last, spans, visit)
			}
		}
	}
	visit(&document, "", math.MaxInt32)
	return spans
}

func visitField(
	node *yaml.Node, index, step int, path, name string, last int, spans map[string]span, visit func(*yaml.Node, string, int),
) {
	if next := index + step; next < len(node.Content) {
		last = max(node.Content[index].Line, node.Content[next].Line-1)
	}
	spans[path+name] = span{node.Content[index].Line, last}
	visit(node.Content[index+step-1], path+name+".", last)
}
