# What a failed job says and leaves, on one machine.
torchelastic_system_test(exit_codes TIMEOUT 320)
torchelastic_system_test(failures HEAVY TIMEOUT 320)
