package main

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/gosimple/slug"
	"sigs.k8s.io/yaml"
)

// filling is a value whose texts are Go templates, and the parameters that fill them.
type filling struct {
	Value      any            `json:"value"`
	Parameters map[string]any `json:"parameters"`
}

// fillings are what an ApplicationSet has filled. Options are those of text/template, such as missingkey=error.
type fillings struct {
	Options []string  `json:"options"`
	Each    []filling `json:"each"`
}

type filled struct {
	Value any    `json:"value"`
	Error string `json:"error,omitempty"`
}

const (
	longestText = 1 << 20
	mostFilled  = 10 << 20
	longestName = 253
)

var (
	functions   = applicationSetFunctions()
	errTooLong  = fmt.Errorf("it makes a text of more than %d bytes", longestText)
	errTwoNames = errors.New("two keys of a mapping become the same")
)

// sprigFunctions are sprig's, without what tells of the machine, and with constants for what is made up.
func sprigFunctions() template.FuncMap {
	named := sprig.TxtFuncMap()
	for name, function := range constantFunctions() {
		if _, known := named[name]; known {
			named[name] = function
		}
	}
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(named, name)
	}
	return named
}

// applicationSetFunctions are those that Argo CD gives to the templates of ApplicationSets.
func applicationSetFunctions() template.FuncMap {
	named := sprigFunctions()
	named["normalize"] = normalize
	named["slugify"] = slugify
	named["toYaml"] = func(value any) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	named["fromYaml"] = func(text string) (value map[string]any, err error) {
		return value, yaml.Unmarshal([]byte(text), &value)
	}
	named["fromYamlArray"] = func(text string) (value []any, err error) {
		return value, yaml.Unmarshal([]byte(text), &value)
	}
	return named
}

func fillAll(wanted *fillings) answer {
	results, made := make([]filled, 0, len(wanted.Each)), 0
	for _, one := range wanted.Each {
		result := fill(one, wanted.Options)
		if made += sizeOf(result.Value); made > mostFilled {
			return answer{Error: fmt.Sprintf("limit: it makes more than %d MB", mostFilled>>20)}
		}
		results = append(results, result)
	}
	return answer{Filled: results}
}

func sizeOf(value any) (size int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case []any:
		for _, item := range value {
			size += sizeOf(item)
		}
	case map[string]any:
		for key, item := range value {
			size += len(key) + sizeOf(item)
		}
	}
	return size
}

func fill(one filling, options []string) (result filled) {
	defer func() {
		// An unknown option, and a function that is given what it does not expect.
		if crash := recover(); crash != nil {
			result = filled{Error: fmt.Sprint(crash)}
		}
	}()
	base := template.New("template").Funcs(functions).Option(options...)
	value, err := fillValue(one.Value, one.Parameters, base)
	if err != nil {
		return filled{Error: err.Error()}
	}
	return filled{Value: value}
}

func fillValue(value any, parameters map[string]any, base *template.Template) (any, error) {
	switch value := value.(type) {
	case string:
		return fillText(value, parameters, base)
	case []any:
		list := make([]any, len(value))
		for index, item := range value {
			var err error
			if list[index], err = fillValue(item, parameters, base); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		mapping := make(map[string]any, len(value))
		for key, item := range value {
			name, err := fillText(key, parameters, base)
			if err != nil {
				return nil, err
			}
			if _, taken := mapping[name]; taken {
				return nil, errTwoNames
			}
			if mapping[name], err = fillValue(item, parameters, base); err != nil {
				return nil, err
			}
		}
		return mapping, nil
	default:
		return value, nil
	}
}

func fillText(text string, parameters map[string]any, base *template.Template) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	copied, err := base.Clone()
	if err != nil {
		return "", err
	}
	parsed, err := copied.Parse(text)
	if err != nil {
		return "", err
	}
	var made limited
	if err := parsed.Execute(&made, parameters); err != nil {
		return "", err
	}
	return made.String(), nil
}

// limited is a text that does not get longer than anything in an Application.
type limited struct{ strings.Builder }

func (l *limited) Write(more []byte) (int, error) {
	if l.Len()+len(more) > longestText {
		return 0, errTooLong
	}
	return l.Builder.Write(more)
}

// normalize makes a name of a resource, as Argo CD does.
func normalize(text string) string {
	name := strings.Map(func(character rune) rune {
		switch {
		case character >= 'a' && character <= 'z', character >= '0' && character <= '9':
			return character
		case character == '-' || character == '.':
			return character
		}
		return '-'
	}, strings.ToLower(text))
	return strings.Trim(name[:min(len(name), longestName)], "-.")
}

// slugify takes the most characters that the slug may have (50), whether to cut it between words (true), and the text.
func slugify(arguments ...any) string {
	length, betweenWords, text := 50, true, ""
	for index, argument := range arguments {
		switch {
		case index == len(arguments)-1:
			text = argument.(string)
		case index == 0:
			length = argument.(int)
		case index == 1:
			betweenWords = argument.(bool)
		}
	}
	slug.MaxLength, slug.EnableSmartTruncate = length, betweenWords
	return slug.Make(normalize(text))
}
