"""The fast tier: `make check` leaves out what is listed here and what needs a browser; `make test` runs everything.

Seconds of a test function, all its parameters together, on two cores that others worked on too (five to ten processes
waiting), so they are too long by a factor that differs; what is slow beside the others is what counts. A test that takes
more than five comes into this table, or a whole file, with its seconds. `pytest --durations=40` measures them.
"""

from __future__ import annotations

SLOW: dict[str, float] = {
    "tests/contract/test_example.py": 105,
    "tests/contract/test_fuzz.py::test_what_strangers_send_is_answered_or_told": 11,
    "tests/contract/test_jobs.py": 80,
    "tests/contract/test_light_import.py::test_the_dashboard": 7,
    "tests/contract/test_ray.py": 400,  # where Ray is installed
    "tests/contract/test_reference.py": 24,
    "tests/contract/test_results.py::test_the_worker_writes_what_the_class_says_and_nothing_else": 60,
    "tests/contract/test_shared_home.py": 60,
    "tests/contract/test_strategy_training.py::test_a_resumed_training_gives_the_same_rows": 24,
    "tests/contract/test_strategy_training.py::test_cached_curves_are_those_of_the_whole_network": 28,
    "tests/contract/test_tutorial.py": 60,
    "tests/contract/test_wheel.py": 13,
    "tests/golden/test_adaptive_norm.py::test_a_training_is_the_same_and_tested_by_the_target_s_statistics": 18,
    "tests/golden/test_corrupt.py::test_severity_changes_more_and_more": 9,
    "tests/golden/test_dial_response.py::test_a_dial_at_its_end_is_seen": 15,
    "tests/golden/test_dial_response.py::test_the_median_response_does_not_fall_from_a_small_turn_to_the_end": 10,
    "tests/golden/test_dial_response.py::test_what_changes_in_its_parts_alone_is_not_seen": 8,
    "tests/golden/test_embed.py::test_it_is_float64_and_repeats_by_seed": 14,
    "tests/golden/test_embed.py::test_it_keeps_neighbours": 10,
    "tests/golden/test_embed.py::test_tsne_is_as_good_as_scikit_learns_own": 68,
    "tests/golden/test_energy.py::test_a_sample_against_itself_is_exactly_nought": 24,
    "tests/golden/test_jackknife.py::test_equal_candidates_are_seldom_told_apart": 89,
    "tests/golden/test_null.py::test_without_shift_the_value_lies_in_the_band_of_halves_as_often_as_it_says": 504,
    "tests/golden/test_term_delta.py::test_attention_is_the_softmax_of_the_rise_of_the_loss": 19,
    "tests/unit/test_domain_terms.py": 76,
    "tests/unit/test_export.py::test_an_export_and_an_entry_of_the_store": 14,
    "tests/unit/test_hand_over.py::test_a_folder_is_opened_by_timm": 8,
    "tests/unit/test_hand_over.py::test_a_script_of_features_where_no_labels_taught": 9,
    "tests/unit/test_hand_over.py::test_a_script_predicts_the_same_without_tltk": 57,
    "tests/unit/test_hand_over.py::test_onnx_answers_the_same_for_any_number_of_pictures": 13,
    "tests/unit/test_hand_over.py::test_two_hundred_photos_are_named_alike": 25,
    "tests/unit/test_index.py::test_a_table_that_is_damaged_is_set_aside_and_made_again": 13,
    "tests/unit/test_index.py::test_a_table_that_somebody_keeps_locked_is_set_aside": 7,
    "tests/unit/test_index.py::test_what_changes_in_a_folder_is_seen_at_once": 34,
    "tests/unit/test_layouts.py::test_the_pair_answers_alike": 10,
    "tests/unit/test_processes.py": 60,
    "tests/unit/test_reader.py::test_the_same_in_every_process": 11,
    "tests/unit/test_serving.py::test_a_real_server_answers_as_predict_does_and_ends_on_ctrl_c": 10,
    "tests/unit/test_self_taught.py::test_it_goes_on_where_it_was_stopped": 22,
    "tests/unit/test_self_taught.py::test_it_is_taught_without_a_label": 16,
    "tests/unit/test_self_taught.py::test_it_sees_the_target_where_the_source_s_labels_are_learned_from": 8,
    "tests/unit/test_self_taught.py::test_what_it_learns_without_labels_tells_classes": 8,
    "tests/unit/test_slurm.py::test_a_comparison_comes_to_the_same_verdict_as_on_this_machine": 71,
    "tests/unit/test_slurm.py::test_a_training_that_meets_its_time_limit_goes_on_from_its_checkpoint": 49,
    "tests/unit/test_survey.py::test_the_table_says_what_the_engine_takes": 7,
    "tests/unit/test_verdict.py::test_a_false_verdict_of_any_class_is_as_rare_as_it_says": 32,
    "tests/unit/test_verdict.py::test_power_is_more_than_the_bootstraps": 10,
    "tests/unit/test_heads.py": 20,
    "tests/contract/test_same_again.py": 13,
    "tests/golden/test_dial_response.py::test_false_alarms_where_nothing_is_turned_come_at_most_at_the_rate_alpha": 9,
    "tests/golden/test_embed.py::test_the_same_features_give_the_same_frame": 11,
}

# Files that start workers, open pages or train networks again and again, and were not measured one by one: each of their
# tests takes seconds. Once a file is measured, what is slow in it goes into the table above and its line here goes.
HEAVY = (
    "tests/contract/test_one_file_adds_one.py",
    "tests/pages/test_asked.py",
    "tests/pages/test_depth_pages.py",
    "tests/pages/test_domains_page.py",
    "tests/pages/test_examine_page.py",
    "tests/pages/test_lessons_page.py",
    "tests/pages/test_links.py",
    "tests/pages/test_negative_page.py",
    "tests/pages/test_pages.py",
    "tests/pages/test_runs_page.py",
    "tests/pages/test_studies_page.py",
    "tests/pages/test_use_page.py",
    "tests/pages/test_weights_page.py",
    "tests/property/test_spec_properties.py",
    "tests/property/test_training.py",
    "tests/unit/test_adaptation.py",
    "tests/unit/test_adapters.py",
    "tests/unit/test_advise.py",
    "tests/unit/test_bank.py",
    "tests/unit/test_classify.py",
    "tests/unit/test_compare.py",
    "tests/unit/test_cost.py",
    "tests/unit/test_damage.py",
    "tests/unit/test_data_formula.py",
    "tests/unit/test_data_memory.py",
    "tests/unit/test_diverging_search.py",
    "tests/unit/test_ensemble.py",
    "tests/unit/test_predict.py",
    "tests/unit/test_evaluate.py",
    "tests/unit/test_label_noise.py",
    "tests/unit/test_mistakes.py",
    "tests/unit/test_nearest.py",
    "tests/unit/test_saliency_maps.py",
    "tests/unit/test_feature_maps.py",
    "tests/unit/test_find_rate.py",
    "tests/unit/test_fit_served.py",
    "tests/unit/test_import_weights.py",
    "tests/unit/test_jobs.py",
    "tests/unit/test_keeping.py",
    "tests/unit/test_propose.py",
    "tests/unit/test_provenance.py",
    "tests/unit/test_rank.py",
    "tests/unit/test_sharing.py",
    "tests/unit/test_shipped.py",
    "tests/unit/test_snapshots.py",
    "tests/unit/test_soup.py",
    "tests/unit/test_strangers.py",
    "tests/unit/test_terms.py",
    "tests/unit/test_train.py",
    "tests/unit/test_value_check.py",
)


def is_slow(file: str, function: str) -> bool:
    """Whether a test is left out of the fast tier.

    Args:
        file: From the root, with `/`.
        function: Its name, without parameters or class.
    """
    return file in SLOW or file in HEAVY or f"{file}::{function}" in SLOW
