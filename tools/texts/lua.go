package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

const (
	patience = time.Second
	// mostMemory is more than any script of the platform takes; Lua itself knows no limit.
	mostMemory = 1_500 << 20
	// longest is how long a text may be that string.rep makes at once.
	longest   = 10 << 20
	lookEvery = 5 * time.Millisecond
)

var errMemory = fmt.Errorf("it takes more than %d MB of memory", mostMemory>>20)

// statuses are those that Argo CD knows.
var statuses = []string{"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"}

// runLua runs a script on resources as Argo CD does: with its libraries, and for a second at most.
func runLua(asked text) error {
	if err := parsed(asked.Text); err != nil {
		return atCause(asked.Text, err)
	}
	for _, object := range asked.Objects {
		if err := runOn(asked, object); err != nil {
			return err
		}
	}
	return nil
}

func parsed(script string) error {
	_, err := lua.NewState().LoadString(script)
	return err
}

// atCause moves a syntax error at the first word of a line to the line before, which is what is not complete; unless
// all is well without that line.
func atCause(script string, err error) error {
	var failure *lua.ApiError
	var syntax *parse.Error
	if !errors.As(err, &failure) || !errors.As(failure.Cause, &syntax) {
		return err
	}
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	line := syntax.Pos.Line
	if line < 1 || line > len(lines) {
		return fmt.Errorf("line %d: near the end: %s", len(lines), syntax.Message)
	}
	if strings.HasPrefix(strings.TrimSpace(lines[line-1]), syntax.Token) {
		if parsed(strings.Join(slices.Delete(slices.Clone(lines), line-1, line), "\n")) != nil {
			for line > 1 && strings.TrimSpace(lines[line-2]) == "" {
				line--
			}
			line = max(line-1, 1)
		}
	}
	return fmt.Errorf("line %d: near '%s': %s", line, syntax.Token, syntax.Message)
}

func runOn(asked text, object map[string]any) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: !asked.Libraries})
	defer state.Close()
	if !asked.Libraries {
		for _, open := range []lua.LGFunction{lua.OpenPackage, lua.OpenBase, lua.OpenTable} {
			state.Push(state.NewFunction(open))
			state.Call(0, 0)
		}
		// Argo CD has no more of the library than this.
		state.PreloadModule(lua.OsLibName, func(state *lua.LState) int {
			state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{"time": zero, "date": zero}))
			return 1
		})
	}
	limitRepetition(state)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go watchMemory(ctx, stop)
	state.SetContext(ctx)
	state.SetGlobal("obj", value(state, object))
	state.SetGlobal("actionParams", state.NewTable())
	if err := state.DoString(asked.Text); err != nil {
		var failure *lua.ApiError
		if errors.As(err, &failure) && failure.Type == lua.ApiErrorRun {
			if context.Cause(ctx) == errMemory {
				return errMemory
			}
			if ctx.Err() != nil {
				return errors.New("it does not end within a second")
			}
			return fmt.Errorf("it fails on %s: %s", describe(object), failure.Object)
		}
		return err
	}
	result := lua.LValue(lua.LNil)
	if state.GetTop() > 0 {
		result = state.Get(-1)
	}
	table, ok := result.(*lua.LTable)
	if !ok {
		if asked.Form == "health" && result == lua.LNil {
			return nil
		}
		return fmt.Errorf("it returns a %s instead of a table", result.Type())
	}
	switch asked.Form {
	case "discovery":
		return judgeDiscovery(table, asked.Actions)
	case "action":
		return judgeAction(table)
	}
	return judgeHealth(table, object)
}

// watchMemory stops a script that fills the memory: it is looked at between two of its instructions.
func watchMemory(ctx context.Context, stop context.CancelCauseFunc) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if metrics.Read(sample); sample[0].Value.Uint64() > mostMemory {
				stop(errMemory)
				return
			}
		}
	}
}

// limitRepetition refuses what would fill the memory with one instruction.
func limitRepetition(state *lua.LState) {
	table, ok := state.GetGlobal(lua.StringLibName).(*lua.LTable)
	if !ok {
		return
	}
	repeat := table.RawGetString("rep")
	table.RawSetString("rep", state.NewFunction(func(state *lua.LState) int {
		if times := state.CheckInt(2); times > longest || len(state.CheckString(1))*times > longest {
			state.RaiseError("string.rep makes more than %d MB", longest>>20)
		}
		state.Insert(repeat, 1)
		state.Call(state.GetTop()-1, 1)
		return 1
	}))
}

func judgeHealth(result *lua.LTable, object map[string]any) error {
	key, _ := result.Next(lua.LNil)
	status := result.RawGetString("status")
	if key != lua.LNil && !slices.Contains(statuses, lua.LVAsString(status)) {
		return fmt.Errorf("it returns the status %q for %s, which Argo CD does not know", status.String(), describe(object))
	}
	return nil
}

func judgeDiscovery(result *lua.LTable, actions []string) error {
	for key, settings := result.Next(lua.LNil); key != lua.LNil; key, settings = result.Next(key) {
		if key.Type() != lua.LTString {
			return errors.New("it returns a list instead of a table with the names of actions")
		}
		if settings.Type() != lua.LTTable {
			return fmt.Errorf("it returns a %s for the action %s instead of a table", settings.Type(), key)
		}
		if actions != nil && !slices.Contains(actions, key.String()) {
			return fmt.Errorf("it offers the action %s, which has no definition", key)
		}
	}
	return nil
}

// judgeAction takes the resource to patch, or a list of resources to create or patch.
func judgeAction(result *lua.LTable) error {
	if result.Len() == 0 {
		if result.RawGetString("kind") == lua.LNil {
			return errors.New("it returns a table that is no resource")
		}
		return nil
	}
	for number := 1; number <= result.Len(); number++ {
		item, ok := result.RawGetInt(number).(*lua.LTable)
		if !ok || item.RawGetString("resource").Type() != lua.LTTable {
			return fmt.Errorf("item %d of what it returns has no resource", number)
		}
		if operation := lua.LVAsString(item.RawGetString("operation")); operation != "create" && operation != "patch" {
			return fmt.Errorf("item %d of what it returns has an operation that is neither create nor patch", number)
		}
	}
	return nil
}

func zero(state *lua.LState) int {
	state.Push(lua.LNumber(0))
	return 1
}

func describe(object map[string]any) string {
	status, ok := object["status"].(map[string]any)
	switch {
	case !ok:
		return "a resource without a status"
	case len(status) == 0:
		return "a resource with an empty status"
	}
	return "a resource with every field of its status"
}

func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case bool:
		return lua.LBool(from)
	case float64:
		return lua.LNumber(from)
	case string:
		return lua.LString(from)
	case []any:
		table := state.NewTable()
		for _, item := range from {
			table.Append(value(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range from {
			table.RawSetString(key, value(state, item))
		}
		return table
	}
	return lua.LNil
}
