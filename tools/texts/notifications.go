package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
	"time"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/template"
)

// placed is what Go's templates say of the place of an error.
var placed = regexp.MustCompile(`^template: [^:]*:(\d+)(?::\d+)?: (?:executing "[^"]*" )?`)

// notificationsOf are the templates that configurations of Alertmanager may read.
func notificationsOf(texts []text) []string {
	var templates []string
	for _, text := range texts {
		if text.Form == "notification" {
			templates = append(templates, text.Text)
		}
	}
	return templates
}

// judgeNotification parses a file of templates.
func judgeNotification(text string, known *known) []refusal {
	loaded, err := template.FromGlobs(nil)
	if err != nil {
		return refused(err)
	}
	if err := loaded.Parse(strings.NewReader(text)); err != nil {
		return []refusal{ofTemplate(err, "", 0)}
	}
	return unknownFields(text, known)
}

// judgeReceivers writes every text of receivers as Alertmanager does, about an example of an alert.
func judgeReceivers(text string, loaded *config.Config, known *known) []refusal {
	templates, err := template.FromGlobs(nil)
	if err != nil {
		return refused(err)
	}
	for _, file := range known.notifications {
		// One that is not valid is refused by itself, and would spoil the others.
		if alone, err := template.FromGlobs(nil); err == nil && alone.Parse(strings.NewReader(file)) == nil {
			err = templates.Parse(strings.NewReader(file))
			if err != nil {
				return refused(err)
			}
		}
	}
	var refusals []refusal
	for _, receiver := range loaded.Receivers {
		for _, written := range templatesIn(reflect.ValueOf(receiver)) {
			before, _, ok := strings.Cut(text, strings.TrimSpace(strings.SplitN(strings.TrimSpace(written), "\n", 2)[0]))
			line := 0
			if ok {
				line = strings.Count(before, "\n") + 1
			}
			if _, err := templates.ExecuteTextString(written, example(receiver.Name, known)); err != nil {
				refusals = append(refusals, ofTemplate(err, fmt.Sprintf("receiver %q: ", receiver.Name), line))
				continue
			}
			for _, one := range unknownFields(written, known) {
				one.Line = line
				refusals = append(refusals, one)
			}
		}
	}
	return refusals
}

// ofTemplate is the refusal of a template that starts at a line; 0 where that is not known.
func ofTemplate(err error, name string, line int) refusal {
	one := refused(err)[0]
	one.Line = line
	if match := placed.FindStringSubmatch(one.Detail); match != nil {
		one.Detail = strings.TrimPrefix(one.Detail, match[0])
		if line == 0 {
			one.Line, _ = strconv.Atoi(match[1])
		}
	}
	one.Detail = name + one.Detail
	return one
}

// templatesIn are the texts of a value that have a template in them.
func templatesIn(value reflect.Value) []string {
	var found []string
	switch value.Kind() {
	case reflect.String:
		if strings.Contains(value.String(), "{{") {
			found = append(found, value.String())
		}
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			found = templatesIn(value.Elem())
		}
	case reflect.Struct:
		for index := range value.NumField() {
			if value.Type().Field(index).IsExported() {
				found = append(found, templatesIn(value.Field(index))...)
			}
		}
	case reflect.Slice:
		for index := range value.Len() {
			found = append(found, templatesIn(value.Index(index))...)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			found = append(found, templatesIn(value.MapIndex(key))...)
		}
	}
	return found
}

// example is what a notification is written about.
func example(receiver string, known *known) *template.Data {
	values := func(names labelSet) template.KV {
		all := template.KV{}
		for name := range names {
			all[name] = "example"
		}
		return all
	}
	labels, annotations := values(known.anyAlert), values(known.annotations)
	alert := template.Alert{Status: "firing", Labels: labels, Annotations: annotations, StartsAt: time.Unix(1, 0)}
	return &template.Data{
		Receiver: receiver, Status: "firing", Alerts: template.Alerts{alert},
		GroupLabels: labels, CommonLabels: labels, CommonAnnotations: annotations,
	}
}

// unknownFields finds labels and annotations that no alert has.
func unknownFields(text string, known *known) []refusal {
	if len(known.alerts) == 0 {
		return nil
	}
	tree := parse.New("notification")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return nil
	}
	var refusals []refusal
	for _, one := range trees {
		if one.Root == nil {
			continue
		}
		walk(one.Root, func(names []string) {
			for index, name := range names[:len(names)-1] {
				label := names[index+1]
				switch {
				case label == "SortedPairs" || label == "Remove" || label == "Names" || label == "Values":
				case name == "Labels" || name == "CommonLabels" || name == "GroupLabels":
					if !known.anyAlert.has(label) {
						refusals = append(refusals, labelRefusal("a template names the label %q, which no alert has", label))
					}
				case name == "Annotations" || name == "CommonAnnotations":
					if !known.annotations.has(label) {
						refusals = append(refusals, labelRefusal("a template names the annotation %q, which no alert has", label))
					}
				}
			}
		})
	}
	return refusals
}
