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

// serve runs one invocation on an instance that is ready or, if cold, starting. Afterwards the instance is ready again or dead.
func (m *Manager) serve(in *instance, inv sandbox.Invocation, cold bool) sandbox.Result {
	fn := &in.pool.fn
	res := sandbox.Result{RequestID: inv.RequestID, Version: fn.Version, StatusCode: 200, Cold: cold}
	usage := sandbox.Usage{LimitMB: fn.MemoryMB}
	in.log.capture()
	limit := time.NewTimer(fn.Timeout)
	defer limit.Stop()
	expired := limit.C

	var out answer
	ready := true
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
		out = in.exchange(inv, began.Add(fn.Timeout), expired)
	}
	weight := stop()
	res.Duration = time.Since(began)
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
	usage.Duration = res.Duration
	in.log.say(sandbox.ReportLine(inv.RequestID, usage))
	res.LogTail = in.log.captured()
	res.Payload, res.FunctionError = out.payload, out.functionError
	return res
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

// exchange hands an event over and waits for its answer, then for the function to ask for the next one: until then it may
// still print, and is not to be frozen.
func (in *instance) exchange(inv sandbox.Invocation, deadline time.Time, expired <-chan time.Time) answer {
	e := &event{requestID: inv.RequestID, invokedARN: inv.InvokedARN, traceID: inv.TraceID, clientContext: inv.ClientContext,
		payload: inv.Payload, deadline: deadline}
	var out answer
	select {
	case in.api.events <- e:
	case <-in.gone:
		return in.exited(inv.RequestID)
	case <-expired:
		in.end()
		return in.timedOut(inv.RequestID)
	}
	select {
	case out = <-in.api.answers:
	case <-in.gone:
		select {
		case out = <-in.api.answers:
			return out
		default:
			return in.exited(inv.RequestID)
		}
	case <-expired:
		in.end()
		return in.timedOut(inv.RequestID)
	}
	select {
	case <-in.api.ready:
	case <-in.gone:
	case <-expired:
		in.end()
	}
	return out
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
