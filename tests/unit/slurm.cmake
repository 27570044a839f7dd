torchelastic_unit_test(slurm_hostlist_test LINKS torchelastic::slurm)
torchelastic_unit_test(slurm_allocation_test LINKS torchelastic::slurm)
torchelastic_unit_test(slurm_ports_test LINKS torchelastic::slurm)
torchelastic_unit_test(slurm_door_test LINKS torchelastic::spank)
