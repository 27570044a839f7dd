torchelastic_unit_test(agent_lifecycle_test LINKS torchelastic::agent)
torchelastic_unit_test(agent_failure_test LINKS torchelastic::agent)
torchelastic_unit_test(agent_worker_test LINKS torchelastic::agent)
torchelastic_unit_test(agent_place_test LINKS torchelastic::agent)
