package main

import (
	"fmt"
	"regexp"
	"strconv"
	"text/template/parse"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// templateVariables are declared for every template of a rule.
const templateVariables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

var legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

func judgeRules(text string, known *known) []refusal {
	groups, errs := rulefmt.Parse([]byte(text), false)
	if len(errs) > 0 {
		return refused(errs...)
	}
	var refusals []refusal
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expression, err := parser.ParseExpr(rule.Expr)
			if err != nil {
				continue
			}
			name := rule.Alert + rule.Record
			refusals = append(refusals, unknownLabels(strconv.Quote(name), expression, known)...)
			has := known.of(expression)
			for _, templates := range []map[string]string{rule.Labels, rule.Annotations} {
				for field, text := range templates {
					for _, label := range labelsOfTemplate(text) {
						if !has.has(label) {
							refusals = append(refusals, labelRefusal("%q names the label %q in its %s, and its result has none of that name", name, label, field))
						}
					}
				}
			}
		}
	}
	return refusals
}

func judgeQuery(text, legend string, known *known) []refusal {
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return refused(err)
	}
	refusals := unknownLabels("it", expression, known)
	has := known.of(expression)
	for _, match := range legendLabel.FindAllStringSubmatch(legend, -1) {
		if !has.has(match[1]) {
			refusals = append(refusals, labelRefusal("its legend names the label %q, and its result has none of that name", match[1]))
		}
	}
	return refusals
}

func labelRefusal(format string, values ...any) refusal {
	return refusal{Detail: fmt.Sprintf(format, values...), Labels: true}
}

// unknownLabels finds the labels that an expression selects, groups or joins by and that its series do not have.
func unknownLabels(name string, expression parser.Expr, known *known) []refusal {
	var refusals []refusal
	missing := func(what, label string) {
		refusals = append(refusals, labelRefusal("%s %s the label %q, which no series there has", name, what, label))
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			has := known.of(node)
			for _, matcher := range node.LabelMatchers {
				if !has.has(matcher.Name) {
					missing("selects by", matcher.Name)
				}
			}
		case *parser.AggregateExpr:
			has := known.of(node.Expr)
			for _, label := range node.Grouping {
				if !has.has(label) {
					missing("groups by", label)
				}
			}
		case *parser.BinaryExpr:
			if node.VectorMatching == nil {
				break
			}
			either := union(known.of(node.LHS), known.of(node.RHS))
			for _, label := range append(node.VectorMatching.MatchingLabels, node.VectorMatching.Include...) {
				if !either.has(label) {
					missing("matches by", label)
				}
			}
		}
		return nil
	})
	return refusals
}

// labelsOfTemplate are those that it reads from $labels or .Labels.
func labelsOfTemplate(text string) []string {
	tree := parse.New("rule")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(templateVariables+text, "", "", trees); err != nil || tree.Root == nil {
		return nil
	}
	var labels []string
	walk(tree.Root, func(names []string) {
		if len(names) > 1 && (names[0] == "$labels" || names[0] == "Labels") {
			labels = append(labels, names[1])
		}
	})
	return labels
}

// walk calls visit with the parts of every field that a template reads.
func walk(node parse.Node, visit func([]string)) {
	switch node := node.(type) {
	case *parse.ListNode:
		if node != nil {
			for _, child := range node.Nodes {
				walk(child, visit)
			}
		}
	case *parse.ActionNode:
		walk(node.Pipe, visit)
	case *parse.PipeNode:
		if node != nil {
			for _, command := range node.Cmds {
				for _, argument := range command.Args {
					walk(argument, visit)
				}
			}
		}
	case *parse.IfNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.VariableNode:
		visit(node.Ident)
	case *parse.FieldNode:
		visit(node.Ident)
	}
}

func walkBranch(branch *parse.BranchNode, visit func([]string)) {
	walk(branch.Pipe, visit)
	walk(branch.List, visit)
	if branch.ElseList != nil {
		walk(branch.ElseList, visit)
	}
}
