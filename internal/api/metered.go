package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/store"
	"ekyc/internal/tenant"
)

// Usage says what an answer cost.
type Usage struct {
	Module ekyc.Module `json:"module" enum:"liveness,ocr,validate,face_match,kya,workflow"`
	Billed bool        `json:"billed" doc:"Whether this answer counts as a unit of the module."`
}

// Metered is the part that the answers of all modules have.
type Metered struct {
	ProcessingMS float64 `json:"processing_ms" doc:"Time of the work itself, in milliseconds."`
	Usage        Usage   `json:"usage"`
}

func (m *Metered) stamp(module ekyc.Module, took time.Duration) {
	m.ProcessingMS = float64(took.Round(time.Microsecond)) / float64(time.Millisecond)
	m.Usage = Usage{Module: module, Billed: true}
}

// stamped is an answer of a module.
type stamped interface {
	stamp(ekyc.Module, time.Duration)
}

// reservationTime is how long a unit stays reserved for a module's answer; the sweep refunds what a killed process left behind.
const reservationTime = 2 * time.Minute

// EntitlementOf is what a plan permits, as the meter has it.
func EntitlementOf(p tenant.Plan) metering.Entitlement {
	return metering.Entitlement{Plan: p.Name, PlanVersion: p.Version, Quotas: p.Quotas, Overage: p.Overage}
}

// meter runs one module: a unit is reserved, the work is done, and one transaction counts the unit, tells of crossed thresholds and
// writes down the answer for repetitions. Work that gives no answer costs nothing.
func meter[O stamped](ctx context.Context, s *Server, call *Call, module ekyc.Module, subject ekyc.ID, work func(context.Context) (O, error)) (O, error) {
	var reservation ekyc.ID
	// A crash of the database that undoes the reservation also ends the request: without it nothing can be counted below.
	err := s.DB.Tentatively(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		reservation, err = s.Metering.Reserve(ctx, tx, call.Scope, metering.Reserve{
			Units: map[ekyc.Module]int64{module: 1}, Entitlement: EntitlementOf(call.Principal.Plan), Expires: reservationTime,
		})
		return err
	})
	if err != nil {
		return *new(O), err
	}
	start := time.Now()
	out, err := work(ctx)
	if err != nil {
		s.refund(ctx, call, reservation)
		return *new(O), err
	}
	out.stamp(module, time.Since(start))
	// The work is done: that the caller goes away now must not leave it between billed and not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err = s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		crossings, err := s.Metering.Commit(ctx, tx, call.Scope, reservation, map[ekyc.Module]int64{module: 1},
			metering.Source{RequestKey: requestKey(call), KeyID: call.Principal.Key.ID})
		if err != nil {
			return err
		}
		if err := s.Jobs.TellCrossings(ctx, tx, call.Scope, crossings); err != nil {
			return err
		}
		return call.Remember(ctx, tx, 200, out, subject, true)
	})
	if err != nil && (!s.refund(ctx, call, reservation) || !store.Uncertain(err)) {
		return *new(O), err
	}
	call.charge(module, true)
	return out, nil
}

// settleTimeout is for the transaction that ends a request.
const settleTimeout = 5 * time.Second

// refund gives the unit back. It says whether the unit had been counted after all: then the transaction was committed, although its answer
// did not come back, and the work was neither lost nor is it an error. When refunding fails, the reservation's expiry does it.
func (s *Server) refund(ctx context.Context, call *Call, reservation ekyc.ID) (counted bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := s.DB.Tentatively(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		return s.Metering.Refund(ctx, tx, call.Scope, reservation)
	})
	if err != nil && ekyc.CodeOf(err) != ekyc.ErrConflict {
		s.options.Logger.WarnContext(ctx, "a unit will be refunded by its expiry", "error.message", err.Error())
	}
	return ekyc.CodeOf(err) == ekyc.ErrConflict
}

// requestKey names the request for the usage event: one accepted signature, one event.
func requestKey(call *Call) string {
	sum := sha256.Sum256([]byte(call.Principal.Key.ID + "\n" + call.signature))
	return hex.EncodeToString(sum[:16])
}
