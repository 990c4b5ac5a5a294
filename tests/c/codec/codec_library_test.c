/*
 * codec_library_test: a shared library is loaded, or the reason said why not.
 */
#include "codec/codec_library.h"
#include "harness/check.h"

TEST(a_library_that_is_not_there_is_not_supported_and_named)
{
    pykv_zstd functions = {0};
    CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_library_load("libno-such.so.9", &functions));
    CHECK(strstr(error_last()->text, "libno-such.so.9") != NULL);
    CHECK(functions.version_number == NULL);
}

TEST(a_library_that_is_not_zstd_is_not_supported_and_the_missing_function_named)
{
    pykv_zstd functions = {0};
    static const char *const libraries[] = {"libm.so.6", "libc.so.6", "libSystem.dylib", "libc.so"};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_library_load(libraries[i], &functions));
    }
    CHECK(functions.version_number == NULL);
}

TEST(the_library_of_the_system_has_every_function_if_it_is_there)
{
    pykv_zstd functions = {0};
    pykv_status status = codec_library_load(codec_library_default(), &functions);
    CHECK(status == PYKV_OK || status == PYKV_NOT_SUPPORTED);
    if (status == PYKV_OK) {
        CHECK(functions.version_number() >= 10000);
        CHECK(functions.compress_bound(100) >= 100);
        CHECK_EQUAL(0, functions.is_error(100));
        CHECK(functions.is_error((size_t)0 - 1) != 0);
        CHECK(functions.get_error_name((size_t)0 - 20) != NULL);
    }
}

TEST_MAIN(CASE(a_library_that_is_not_there_is_not_supported_and_named),
          CASE(a_library_that_is_not_zstd_is_not_supported_and_the_missing_function_named),
          CASE(the_library_of_the_system_has_every_function_if_it_is_there))
