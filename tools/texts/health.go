package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
)

const patience = time.Second

// statuses are those that Argo CD knows.
var statuses = []string{"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"}

// runHealth runs a health check on resources as Argo CD does: with its libraries, and for a second at most.
func runHealth(script string, objects []map[string]any, libraries bool) error {
	for _, object := range objects {
		if err := runHealthOn(script, object, libraries); err != nil {
			return err
		}
	}
	return nil
}

func runHealthOn(script string, object map[string]any, libraries bool) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: !libraries})
	defer state.Close()
	if !libraries {
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		var failure *lua.ApiError
		if errors.As(err, &failure) && failure.Type == lua.ApiErrorRun {
			if ctx.Err() != nil {
				return errors.New("it does not end within a second")
			}
			return fmt.Errorf("it fails on %s: %s", describe(object), failure.Object)
		}
		return err
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		if state.GetTop() == 0 || state.Get(-1) == lua.LNil {
			return nil
		}
		return fmt.Errorf("it returns a %s instead of a table", state.Get(-1).Type())
	}
	key, _ := result.Next(lua.LNil)
	status := result.RawGetString("status")
	if key != lua.LNil && !slices.Contains(statuses, lua.LVAsString(status)) {
		return fmt.Errorf("it returns the status %s for %s, which Argo CD does not know", status, describe(object))
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
