package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/pkg/labels"
)

const alertName = "alertname"

// judgeAlertmanager loads a configuration, and finds matchers for alerts that no rule has.
func judgeAlertmanager(text string, known *known) []refusal {
	loaded, err := config.Load(text)
	if err != nil {
		return refused(err)
	}
	refusals := judgeReceivers(text, loaded, known)
	used := map[string]bool{}
	eachRoute(loaded.Route, func(route *config.Route) { used[route.Receiver] = true })
	spans := spansOf(text)
	for index, receiver := range loaded.Receivers {
		if !used[receiver.Name] {
			one := labelRefusal("no route sends to the receiver %q", receiver.Name)
			one.Line = spans[fmt.Sprintf("receivers.%d.name", index)].first
			refusals = append(refusals, one)
		}
	}
	if len(known.alerts) == 0 {
		return refusals
	}
	judge := func(matchers config.Matchers) {
		for _, matcher := range matchers {
			refusals = append(refusals, unknownAlerts(matcher, known)...)
		}
	}
	eachRoute(loaded.Route, func(route *config.Route) {
		judge(matchersOf(route.Matchers, route.Match, route.MatchRE))
		for _, label := range route.GroupByStr {
			if label != "..." && !known.anyAlert.has(label) {
				refusals = append(refusals, labelRefusal("a route groups by the label %q, which no alert has", label))
			}
		}
	})
	for _, rule := range loaded.InhibitRules {
		judge(matchersOf(rule.SourceMatchers, rule.SourceMatch, rule.SourceMatchRE))
		judge(matchersOf(rule.TargetMatchers, rule.TargetMatch, rule.TargetMatchRE))
		for _, label := range rule.Equal {
			if !known.anyAlert.has(label) {
				refusals = append(refusals, labelRefusal("an inhibit rule compares the label %q, which no alert has", label))
			}
		}
	}
	return refusals
}

// unknownAlerts judges the label by which alerts are named, and those that every rule sets itself.
func unknownAlerts(matcher *labels.Matcher, known *known) []refusal {
	if matcher.Value != "" && !known.anyAlert.has(matcher.Name) {
		return []refusal{labelRefusal("no alert has the label %q of a matcher", matcher.Name)}
	}
	values := known.valuesOf(matcher.Name)
	if values == nil {
		return nil
	}
	var refusals []refusal
	for _, choice := range choicesOf(matcher.Type == labels.MatchEqual, matcher.Type == labels.MatchRegexp, matcher.Value) {
		if !slices.ContainsFunc(values, choice.MatchString) {
			refusals = append(refusals, labelRefusal("no alert has the %s of the matcher %q: %s", matcher.Name, matcher.Value, plain(choice)))
		}
	}
	return refusals
}

// valuesOf are the values that a label of alerts has; nil where a rule leaves it to its series.
func (known *known) valuesOf(label string) []string {
	var values []string
	for name, rules := range known.alerts {
		if label == alertName {
			values = append(values, name)
			continue
		}
		for _, set := range rules {
			value, ok := set[label]
			if !ok || strings.Contains(value, "{{") {
				return nil
			}
			values = append(values, value)
		}
	}
	return values
}

// choicesOf are the alternatives of a matcher that asks for something, each on its own.
func choicesOf(equal, like bool, value string) []*regexp.Regexp {
	var choices []string
	switch {
	case value == "":
	case equal:
		choices = append(choices, regexp.QuoteMeta(value))
	case like:
		choices = []string{value}
		if strings.ContainsRune(value, '|') && !strings.ContainsAny(value, `()[\`) {
			choices = strings.Split(value, "|")
		}
	}
	var compiled []*regexp.Regexp
	for _, choice := range choices {
		if pattern, err := regexp.Compile("^(?:" + choice + ")$"); err == nil {
			compiled = append(compiled, pattern)
		}
	}
	return compiled
}

// plain is a pattern without what anchors it.
func plain(pattern *regexp.Regexp) string {
	text := strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^(?:"), ")$")
	if parsed, err := syntax.Parse(text, syntax.Perl); err == nil && parsed.Op == syntax.OpLiteral {
		return string(parsed.Rune)
	}
	return text
}
