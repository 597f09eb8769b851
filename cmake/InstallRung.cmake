# The install tree beside libraries and tools: headers, and what find_package(rung) reads.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/rung-c DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(RUNG_ENABLE_COMPILER)
  install(DIRECTORY include/rung ${PROJECT_BINARY_DIR}/include/rung DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.h.inc" PATTERN "CMakeFiles" EXCLUDE)
else()
  install(DIRECTORY include/rung/Runtime DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rung FILES_MATCHING PATTERN "*.h")
endif()

set(RUNG_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/rung)
get_property(RUNG_MLIR_LIBRARIES GLOBAL PROPERTY RUNG_MLIR_LIBRARIES)
configure_package_config_file(cmake/rungConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/rungConfig.cmake
  INSTALL_DESTINATION ${RUNG_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/rungConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/rungConfig.cmake ${PROJECT_BINARY_DIR}/cmake/rungConfigVersion.cmake
  DESTINATION ${RUNG_CMAKE_DIR})
install(EXPORT rungTargets NAMESPACE rung:: DESTINATION ${RUNG_CMAKE_DIR})
