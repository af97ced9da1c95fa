package main

import (
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
	if len(known.alerts) == 0 {
		return nil
	}
	var refusals []refusal
	judge := func(matchers config.Matchers) {
		for _, matcher := range matchers {
			refusals = append(refusals, unknownAlerts(matcher, known)...)
		}
	}
	var walk func(route *config.Route)
	walk = func(route *config.Route) {
		judge(route.Matchers)
		for _, below := range route.Routes {
			walk(below)
		}
	}
	walk(loaded.Route)
	for _, rule := range loaded.InhibitRules {
		judge(rule.SourceMatchers)
		judge(rule.TargetMatchers)
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
	values := known.valuesOf(matcher.Name)
	if values == nil {
		return nil
	}
	var refusals []refusal
	for _, choice := range choicesOf(matcher) {
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
func choicesOf(matcher *labels.Matcher) []*regexp.Regexp {
	var choices []string
	switch matcher.Type {
	case labels.MatchEqual:
		if matcher.Value != "" {
			choices = append(choices, regexp.QuoteMeta(matcher.Value))
		}
	case labels.MatchRegexp:
		choices = []string{matcher.Value}
		if strings.ContainsRune(matcher.Value, '|') && !strings.ContainsAny(matcher.Value, `()[\`) {
			choices = strings.Split(matcher.Value, "|")
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
