# Targets of rung. Every library and tool is made by one of these functions, so that
# flags, include paths and the one shared MLIR are the same everywhere.

set(RUNG_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter -Wnon-virtual-dtor -Woverloaded-virtual)

function(_rung_target_defaults target)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${RUNG_WARNINGS}>)
  if(RUNG_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RUNG_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${RUNG_SANITIZE})
  endif()
endfunction()

# Code that sees LLVM or MLIR headers: their include paths (as system headers), their flags,
# and the shared library. Never link an MLIR static archive: two copies of MLIR in one process.
function(_rung_target_use_mlir target)
  target_include_directories(${target} SYSTEM PUBLIC
    $<BUILD_INTERFACE:${LLVM_INCLUDE_DIRS}> $<BUILD_INTERFACE:${MLIR_INCLUDE_DIRS}>)
  target_compile_options(${target} PRIVATE -fno-exceptions)
  target_link_libraries(${target} PUBLIC MLIR LLVM)
endfunction()

# rung_add_library(NAME SOURCES ... [DEPENDS tablegen-targets...] [LINK libs...] [NO_LLVM] [NO_INSTALL])
# A static library `NAME`, exported as rung::NAME unless NO_INSTALL is given.
function(rung_add_library name)
  cmake_parse_arguments(ARG "NO_LLVM;NO_INSTALL" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  add_library(rung::${name} ALIAS ${name})
  _rung_target_defaults(${name})
  if(NOT ARG_NO_LLVM)
    _rung_target_use_mlir(${name})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(NOT ARG_NO_INSTALL)
    install(TARGETS ${name} EXPORT rungTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    if(NOT ARG_NO_LLVM)
      set_property(GLOBAL APPEND PROPERTY RUNG_MLIR_LIBRARIES ${name})
    endif()
  endif()
endfunction()

# rung_add_tool(NAME SOURCES ... [LINK libs...] [NO_LLVM]): an executable in build/bin.
function(rung_add_tool name)
  cmake_parse_arguments(ARG "NO_LLVM" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  _rung_target_defaults(${name})
  if(NOT ARG_NO_LLVM)
    _rung_target_use_mlir(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  # An installed tool finds libMLIR where the build found it.
  set_target_properties(${name} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# rung_add_unittest(NAME SOURCES ... [LINK libs...] [NO_LLVM]): a gtest executable in build/test/Unit,
# found there by test/check.py.
function(rung_add_unittest name)
  cmake_parse_arguments(ARG "NO_LLVM" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/Unit)
  _rung_target_defaults(${name})
  if(NOT ARG_NO_LLVM)
    _rung_target_use_mlir(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest GTest::gtest_main)
endfunction()

# rung_add_fuzzer(NAME SOURCES ... [LINK libs...] [NO_LLVM]): a libFuzzer program in build-fuzz/fuzz; target
# `fuzzers` builds them all.
function(rung_add_fuzzer name)
  cmake_parse_arguments(ARG "NO_LLVM" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  _rung_target_defaults(${name})
  if(NOT ARG_NO_LLVM)
    _rung_target_use_mlir(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${name})
endfunction()

# rung_tablegen(TARGET FILE.td OUT.inc ARGS [OUT2.inc ARGS2 ...]): generated headers next to the
# .td file's place in the build tree; ARGS is one quoted string of mlir-tblgen flags.
function(rung_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(TABLEGEN_OUTPUT)
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest out args)
    separate_arguments(args UNIX_COMMAND "${args}")
    mlir_tablegen(${out} ${args} -I ${PROJECT_SOURCE_DIR}/include -I ${MLIR_INCLUDE_DIRS})
  endwhile()
  add_custom_target(${target} DEPENDS ${TABLEGEN_OUTPUT})
endfunction()
