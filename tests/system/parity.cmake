# One machine, beside torch's own tests (docs/parity.md) and beyond them.
torchelastic_system_test(bad_input TIMEOUT 320)
torchelastic_system_test(processes HEAVY TIMEOUT 320)
torchelastic_system_test(parity HEAVY TIMEOUT 320)
torchelastic_system_test(parity_table TIMEOUT 60)
