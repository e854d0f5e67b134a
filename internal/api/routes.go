package api

// clientRoutes are all routes under /v1.
func (s *Server) clientRoutes(f *surface) error {
	s.openRoutes(f)
	s.moduleRoutes(f)
	s.challengeRoutes(f)
	s.profileRoutes(f)
	s.verifyRoutes(f)
	s.jobRoutes(f)
	s.workflowRoutes(f)
	s.reviewRoutes(f)
	s.receiptRoutes(f)
	s.subjectRoutes(f)
	s.holdRoutes(f)
	s.mediaRoutes(f)
	s.retentionRoutes(f)
	s.consentRoutes(f)
	s.exportRoutes(f)
	s.keyRoutes(f)
	s.webhookRoutes(f)
	s.usageRoutes(f)
	s.auditRoutes(f)
	if err := s.captureRoutes(f); err != nil {
		return err
	}
	return f.documentRoutes()
}
