-- +goose Up
-- To look at photographs is a scope of its own. Keys that there are do not get it by themselves.
alter table api_key drop constraint api_key_scopes_check;
alter table api_key add constraint api_key_scopes_check check (cardinality(scopes) >= 1 and
  scopes <@ array['liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow', 'media', 'admin']);

-- +goose Down
alter table api_key no force row level security; -- forced, it hides every row from who migrates
update api_key set scopes = array_remove(scopes, 'media');
alter table api_key force row level security;
alter table api_key drop constraint api_key_scopes_check;
alter table api_key add constraint api_key_scopes_check check (cardinality(scopes) >= 1 and
  scopes <@ array['liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow', 'admin']);
