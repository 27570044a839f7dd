# What is installed beside the programs. The tree can be moved as a whole: nothing in it names the
# place it was made for. Two components: "program", and "plugin", which only Slurm's nodes need.
include(GNUInstallDirs)
set(install_texts ${CMAKE_BINARY_DIR}/install)

# `torchrun` lies in a folder of its own: in bin/ it would hide, or be hidden by, torch's.
file(MAKE_DIRECTORY ${install_texts})
file(CREATE_LINK ../../../bin/torchelastic ${install_texts}/torchrun SYMBOLIC)
install(FILES ${install_texts}/torchrun DESTINATION ${TORCHELASTIC_LIBDIR}/bin COMPONENT program)

install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program
    FILES_MATCHING PATTERN *.md)
install(DIRECTORY contrib/slurm/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program
    USE_SOURCE_PERMISSIONS)
