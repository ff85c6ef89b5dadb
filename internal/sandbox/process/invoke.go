//go:build linux

package process

import (
	"time"

	"trellis/internal/sandbox"
)

// initLimit is the time a runtime has to ask for its first event before the function's own time starts to run.
const initLimit = 10 * time.Second

// watchEvery is how often the memory of a running function is looked at.
const watchEvery = 100 * time.Millisecond

// serve runs one invocation on an instance that is ready or, if cold, starting. Afterwards the instance is ready again or
// dead. The outcome is told when the function has answered. It is left to the caller, once the instance is released, where
// the function gave no answer or the log's end is part of it: told is false.
func (m *Manager) serve(in *instance, inv sandbox.Invocation, cold bool, tell chan<- outcome) (res sandbox.Result, told bool) {
	fn := &in.pool.fn
	res = sandbox.Result{RequestID: inv.RequestID, Version: fn.Version, StatusCode: 200, Cold: cold}
	usage := sandbox.Usage{LimitMB: fn.MemoryMB}
	if inv.Tail {
		in.log.capture()
	}
	limit := time.NewTimer(fn.Timeout)
	defer limit.Stop()
	expired := limit.C

	var out answer
	ready, answered := true, false
	if cold {
		limit.Reset(initLimit + fn.Timeout)
		out, ready = in.awaitReady(inv.RequestID, expired)
		usage.Init = time.Since(in.started)
		limit.Reset(fn.Timeout)
	}
	began := time.Now()
	in.log.say(sandbox.StartLine(inv.RequestID, fn.Version))
	stop := watch(in)
	if ready {
		out, answered = in.exchange(inv, began.Add(fn.Timeout), expired)
	}
	if answered {
		res.Payload, res.FunctionError, res.Duration = out.payload, out.functionError, time.Since(began)
		if !inv.Tail {
			m.settle(in)
			tell <- outcome{res: res}
			told = true
		}
		in.awaitNext(expired)
	}
	weight := stop()
	usage.Duration = time.Since(began)
	usage.PeakMB = weight.peakMB
	if weight.killed && out.errorType == sandbox.ErrorExit {
		out = failed(sandbox.ErrorOutOfMemory, sandbox.ExitMessage(inv.RequestID, "signal: killed"))
	}

	in.log.flush()
	switch out.errorType {
	case sandbox.ErrorTimeout:
		usage.Status = "timeout"
		in.log.say(sandbox.TimeoutLine(inv.RequestID, time.Now(), fn.Timeout))
	default:
		if out.line != "" {
			usage.Status, usage.ErrorType = "error", out.errorType
			in.log.say(out.line)
			in.log.say(out.errorType)
		}
	}
	in.log.say(sandbox.EndLine(inv.RequestID))
	in.log.say(sandbox.ReportLine(inv.RequestID, usage))
	if !told {
		res.Payload, res.FunctionError, res.Duration = out.payload, out.functionError, usage.Duration
		res.LogTail = in.log.captured()
	}
	return res, told
}

// awaitReady waits until the runtime asks for its first event. If it never will, the answer says why and the process is gone.
func (in *instance) awaitReady(requestID string, expired <-chan time.Time) (answer, bool) {
	select {
	case <-in.api.ready:
		return answer{}, true
	case out := <-in.api.initError:
		in.end()
		return out, false
	case <-in.gone:
		select {
		case out := <-in.api.initError:
			return out, false
		default:
			return in.exited(requestID), false
		}
	case <-expired:
		in.end()
		return in.timedOut(requestID), false
	}
}

// exchange hands an event over and waits for its answer. It reports false where the function did not give one itself.
func (in *instance) exchange(inv sandbox.Invocation, deadline time.Time, expired <-chan time.Time) (answer, bool) {
	e := &event{requestID: inv.RequestID, invokedARN: inv.InvokedARN, traceID: inv.TraceID, clientContext: inv.ClientContext,
		payload: inv.Payload, deadline: deadline}
	select {
	case in.api.events <- e:
	case <-in.gone:
		return in.exited(inv.RequestID), false
	case <-expired:
		in.end()
		return in.timedOut(inv.RequestID), false
	}
	select {
	case out := <-in.api.answers:
		return out, true
	case <-in.gone:
		select {
		case out := <-in.api.answers:
			return out, true
		default:
			return in.exited(inv.RequestID), false
		}
	case <-expired:
		in.end()
		return in.timedOut(inv.RequestID), false
	}
}

// awaitNext waits until the function asks for its next event: until then it may still print, and is not to be frozen.
func (in *instance) awaitNext(expired <-chan time.Time) {
	select {
	case <-in.api.ready:
	case <-in.gone:
	case <-expired:
		in.end()
	}
}

// end kills the process and waits until it has gone.
func (in *instance) end() {
	in.weigh()
	in.kill()
	<-in.gone
}

func (in *instance) timedOut(requestID string) answer {
	return failed(sandbox.ErrorTimeout, sandbox.TimeoutMessage(requestID, in.pool.fn.Timeout))
}

// exited says how a process ended that should not have.
func (in *instance) exited(requestID string) answer {
	if in.fault != "" {
		return failed(sandbox.ErrorEntrypoint, "RequestId: "+requestID+" Error: "+in.fault)
	}
	return failed(sandbox.ErrorExit, sandbox.ExitMessage(requestID, in.exit))
}

func failed(errorType, message string) answer {
	return answer{functionError: "Unhandled", errorType: errorType, payload: sandbox.ErrorPayload(errorType, message), line: message}
}
