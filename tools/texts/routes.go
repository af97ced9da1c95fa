package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// least is how many letters a value has that is taken for the start of another.
const least = 3

var literals = regexp.MustCompile(`^[\w|-]+$`)

// eachRoute visits a route and those below it.
func eachRoute(route *config.Route, visit func(*config.Route)) {
	visit(route)
	for _, below := range route.Routes {
		eachRoute(below, visit)
	}
}

// matchersOf are those of a route, in the old form too.
func matchersOf(matchers config.Matchers, equal map[string]string, like config.MatchRegexps) config.Matchers {
	all := slices.Clone(matchers)
	for _, name := range slices.Sorted(maps.Keys(equal)) {
		if matcher, err := labels.NewMatcher(labels.MatchEqual, name, equal[name]); err == nil {
			all = append(all, matcher)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(like)) {
		pattern := strings.TrimSuffix(strings.TrimPrefix(like[name].String(), "^(?:"), ")$")
		if matcher, err := labels.NewMatcher(labels.MatchRegexp, name, pattern); err == nil {
			all = append(all, matcher)
		}
	}
	return all
}

// routedBy are the values of labels by which configurations of Alertmanager route or inhibit.
func routedBy(texts []text) map[string][]string {
	routed := map[string][]string{}
	add := func(matchers config.Matchers) {
		for _, matcher := range matchers {
			if matcher.Name != alertName && literals.MatchString(matcher.Value) {
				routed[matcher.Name] = append(routed[matcher.Name], strings.Split(matcher.Value, "|")...)
			}
		}
	}
	for _, text := range texts {
		if text.Form != "alertmanager" {
			continue
		}
		loaded, err := config.Load(text.Text)
		if err != nil {
			continue
		}
		eachRoute(loaded.Route, func(route *config.Route) {
			add(matchersOf(route.Matchers, route.Match, route.MatchRE))
		})
		for _, rule := range loaded.InhibitRules {
			add(matchersOf(rule.SourceMatchers, rule.SourceMatch, rule.SourceMatchRE))
			add(matchersOf(rule.TargetMatchers, rule.TargetMatch, rule.TargetMatchRE))
		}
	}
	return routed
}

// misrouted is the value that a route names, that some alert has, and that another resembles; empty where that is routed.
func (known *known) misrouted(label, value string) string {
	if slices.Contains(known.routed[label], value) || strings.Contains(value, "{{") {
		return ""
	}
	for _, other := range known.routed[label] {
		if !known.isSet(label, other) {
			continue
		}
		starts := strings.HasPrefix(other, value) || strings.HasPrefix(value, other)
		if isClose(value, other) || (starts && min(len(value), len(other)) >= least) || strings.EqualFold(value, other) {
			return other
		}
	}
	return ""
}

// isSet is whether a rule gives its alert a label of that value.
func (known *known) isSet(label, value string) bool {
	for _, rules := range known.alerts {
		for _, set := range rules {
			if set[label] == value {
				return true
			}
		}
	}
	return false
}
