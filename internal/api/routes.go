package api

// clientRoutes are all routes under /v1.
func (s *Server) clientRoutes(f *surface) error {
	s.openRoutes(f)
	s.moduleRoutes(f)
	s.profileRoutes(f)
	s.verifyRoutes(f)
	s.jobRoutes(f)
	s.subjectRoutes(f)
	s.keyRoutes(f)
	s.webhookRoutes(f)
	s.usageRoutes(f)
	return f.documentRoutes()
}
