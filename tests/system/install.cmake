torchelastic_system_test(installed TIMEOUT 120)
