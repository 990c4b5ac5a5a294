/*
 * position_test: a feed and a pin that begin at a sequence of an epoch find it in that history
 * only.
 */
#include "bitcask_fixture.h"

#define OPEN_AT       bitcask_open
#define CHECKPOINT    bitcask_checkpoint
#define REPAIR        bitcask_repair
#define RETIRE(store) bitcask_compact(store, NULL)
#define SYNC          bitcask_sync
#define PIN           bitcask_pin_history
#define CHANGES_OPEN  bitcask_changes_open
#define CHANGES_FREE  bitcask_changes_free
#include "log/position_checks.h"

TEST(a_sequence_is_found_in_the_epoch_of_its_record_and_in_that_of_its_moment)
{
    check_positions_of_a_store_that_crashed();
}

TEST(a_pin_keeps_what_tells_the_epoch_of_its_sequence)
{
    check_a_pin_at_the_end_of_an_epoch();
}

TEST(who_was_ahead_of_a_power_loss_is_told_that_sequences_were_given_again)
{
    check_a_follower_ahead_of_a_power_loss();
}

TEST(a_checkpoint_that_went_on_by_itself_has_another_history)
{
    check_a_checkpoint_that_went_on_by_itself();
}

TEST(a_repaired_store_has_another_history)
{
    check_a_repaired_store();
}

TEST_MAIN(CASE(a_sequence_is_found_in_the_epoch_of_its_record_and_in_that_of_its_moment),
          CASE(a_pin_keeps_what_tells_the_epoch_of_its_sequence),
          CASE(who_was_ahead_of_a_power_loss_is_told_that_sequences_were_given_again),
          CASE(a_checkpoint_that_went_on_by_itself_has_another_history),
          CASE(a_repaired_store_has_another_history))
