# CPack runs this on the staged files, one folder per component, before it packs them: what Debian
# asks of a package and nobody needs who installs from source.
set(stage ${CPACK_TEMPORARY_INSTALL_DIRECTORY})

# compress(FILE): in place, the same bytes every time.
function(compress file)
    execute_process(COMMAND gzip -9 -n -f ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# papers(COMPONENT PACKAGE): copyright and changelog.
function(papers component package)
    set(folder ${stage}/${component}/usr/share/doc/${package})
    file(MAKE_DIRECTORY ${folder})
    file(COPY_FILE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../LICENSE ${folder}/copyright)
    file(REMOVE ${folder}/LICENSE)
    file(WRITE ${folder}/changelog
        "torchelastic (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
        "  * See the commits.\n\n"
        " -- ${CPACK_PACKAGE_CONTACT}  Thu, 01 Jan 1970 00:00:00 +0000\n")
    compress(${folder}/changelog)
endfunction()

papers(program torchelastic)
file(GLOB pages ${stage}/program/usr/share/man/man1/*.1)
foreach(page IN LISTS pages)
    compress(${page})
endforeach()

# Debian's zsh looks for completions of packages elsewhere.
set(zsh ${stage}/program/usr/share/zsh)
if(EXISTS ${zsh}/site-functions)
    file(RENAME ${zsh}/site-functions ${zsh}/vendor-completions)
endif()

if(EXISTS ${stage}/plugin)
    papers(plugin torchelastic-slurm)
    # What is in /etc stays when the package is removed and not purged. A plugin that is named and is
    # not there makes every srun complain; a pattern that fits nothing does not.
    file(WRITE ${stage}/plugin/etc/slurm/plugstack.conf.d/torchelastic.conf
        "# srun, sbatch and salloc --torchelastic. To choose another agent than /usr/bin/torchelastic, write\n"
        "# the line of that file here, with agent=PATH behind it.\n"
        "include /usr/share/torchelastic/plugstack*.conf\n")
    file(WRITE ${stage}/plugin/usr/share/torchelastic/plugstack.conf
        "optional /usr/lib/torchelastic/spank_torchelastic.so\n")
endif()
