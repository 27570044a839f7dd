torchelastic_system_test(nodes HEAVY TIMEOUT 440)
torchelastic_system_test(members HEAVY TIMEOUT 320)
torchelastic_system_test(port_range HEAVY TIMEOUT 320)
torchelastic_system_test(local_addr HEAVY TIMEOUT 320)
