torchelastic_system_test(endpoints HEAVY TIMEOUT 320)
